import type { Whoami } from '../../wire/generated/api.ts';
import { formatPlace, type Place } from '../place.ts';
import { formatTime } from '../text.ts';

const WARNING_MS = 7 * 24 * 3600 * 1000;

export function Header({ who, place }: { readonly who: Whoami; readonly place: Place }) {
  const { principal, role, certificateExpiresMs: end } = who;
  const isNear = end - Date.now() < WARNING_MS;
  const link = (view: 'volumes' | 'shares' | 'people', text: string) => (
    <a href={formatPlace({ view })} aria-current={place.view === view ? 'page' : undefined}>
      {text}
    </a>
  );
  return (
    <header>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <a class="brand" href="#/volumes">
        gdpfs
      </a>
      <nav aria-label="Views">
        {link('volumes', 'Volumes')}
        {link('shares', 'Share links')}
        {role === 'admin' && link('people', 'People')}
      </nav>
      <p class="who">
        <strong>{principal}</strong>
        {role !== 'user' && ` (${role})`}
        <span class={isNear ? 'failure' : 'quiet'}> certificate until {formatTime(end)}</span>
      </p>
    </header>
  );
}

/** The fragment of the address is the place. */
function skip(event: Event): void {
  event.preventDefault();
  const main = document.getElementById('main');
  main?.setAttribute('tabindex', '-1');
  main?.focus();
}
