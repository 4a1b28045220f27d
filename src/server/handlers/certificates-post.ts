import { GdpfsError } from '../../base/errors.ts';
import type { RenewalRequest } from '../../wire/generated/api.ts';
import { readJson } from '../body.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { renewCertificate } from '../renewal.ts';
import { replyJson } from '../reply.ts';

/** POST /api/v1/certificates: a new certificate for whoever still has a valid one. */
export async function certificatesPost(exchange: Exchange<'certificatesPost'>): Promise<void> {
  const { services } = exchange;
  const { principal, enrolment, isExternal } = callerOf(exchange);
  if (isExternal) {
    throw new GdpfsError(
      'forbidden',
      'cannot renew the certificate: it is from another authority, need a new one from there',
    );
  }
  const { value } = await readJson<RenewalRequest>(exchange);
  const issued = await renewCertificate(services, { principal, enrolment, csrPem: value.csr });
  const { certificatePem: certificate, expiresMs } = issued;
  replyJson(exchange, { status: 200 }, { certificate, ca: services.authority.caPem, expiresMs });
}
