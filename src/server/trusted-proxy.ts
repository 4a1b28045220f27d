import { GdpfsError } from '../base/errors.ts';
import { isPrincipalName } from '../wire/principal.ts';
import {
  FORWARDING_FORMS,
  type ForwardingForm,
  type TrustedProxies,
} from './forwarded-certificate.ts';

/** The proxies that `NAME=FORM` texts list. Throws `usage`. */
export function parseTrustedProxies(texts: readonly string[]): TrustedProxies {
  const proxies = new Map<string, ForwardingForm>();
  for (const text of texts) {
    const [name = '', form = '', ...others] = text.split('=');
    if (!isPrincipalName(name) || !isForm(form) || others.length > 0) {
      const forms = Object.keys(FORWARDING_FORMS).join(', ');
      throw new GdpfsError(
        'usage',
        `cannot trust the proxy ${JSON.stringify(text)}: need NAME=FORM, the form one of ${forms}`,
      );
    }
    if (proxies.has(name)) {
      throw new GdpfsError('usage', `cannot trust the proxy "${name}" twice: need one form`);
    }
    proxies.set(name, form);
  }
  return proxies;
}

function isForm(text: string): text is ForwardingForm {
  return Object.hasOwn(FORWARDING_FORMS, text);
}
