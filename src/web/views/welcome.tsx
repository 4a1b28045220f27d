/** For who has no certificate, or one that does not work any more. */
export function Welcome({
  code,
  message,
}: {
  readonly code: string | undefined;
  readonly message: string;
}) {
  const isUnknown = code === 'certificate_required';
  return (
    <main class="welcome">
      <h1>gdpfs</h1>
      {isUnknown ? (
        <p>This server knows people by a certificate, and this browser has shown none.</p>
      ) : (
        <p class="failure" role="alert">
          {message}
        </p>
      )}
      <h2>To get in</h2>
      <ol>
        <li>
          Log in on the command line, with an invitation of an admin:
          <pre>gdpfs login {location.origin} TOKEN</pre>
        </li>
        <li>
          Write the certificate into a file that this browser takes:
          <pre>gdpfs profile export --p12 gdpfs.p12</pre>
        </li>
        <li>
          Import that file: in Firefox in Settings, Privacy &amp; Security, View Certificates, Your
          Certificates; in Chrome and Edge at <code>chrome://certificate-manager</code>; on macOS
          and Windows by opening it.
        </li>
        <li>
          Load this page again, and choose the certificate. A browser that has once been told to
          show none asks again after it was closed.
        </li>
      </ol>
      <p class="quiet">A certificate ends; then export it again. Share links need none.</p>
    </main>
  );
}
