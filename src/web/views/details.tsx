import { useEffect, useState } from 'preact/hooks';
import type { Entry } from '../../wire/generated/api.ts';
import { LIMITS } from '../../base/limits.ts';
import { apiPath, below, formatPlace, type PathPlace, userPath } from '../place.ts';
import { type Preview, pictureType, previewOf } from '../preview.ts';
import { urlOf } from '../server.ts';
import { formatBytes, formatCount, formatMode, formatTime, visibleName } from '../text.ts';
import { readVerified, type VerifiedBytes } from '../verified.ts';
import type { Asked } from './asked.ts';
import { Failure, Name, useLoaded } from './parts.tsx';

/** A file or link: what is known of it, and its first bytes. */
export function Details(props: {
  readonly place: PathPlace;
  readonly entry: Entry;
  readonly mayChange: boolean;
  readonly onAsk: (asked: Asked) => void;
  readonly onClose: () => void;
}) {
  const { place, entry, mayChange, onAsk, onClose } = props;
  const self = below(place, entry.name);
  const href = urlOf('/api/v1/storage/files', { path: apiPath(self), at: place.at });
  const button = (text: string, asked: Asked) => (
    <button type="button" onClick={() => onAsk(asked)}>
      {text}
    </button>
  );
  return (
    <aside class="details" aria-label={`About ${visibleName(entry.name)}`}>
      <div class="toolbar">
        <h2>
          <Name>{entry.name}</Name>
        </h2>
        <button type="button" class="small" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </div>
      <div class="toolbar">
        {entry.kind === 'file' && (
          <a class="button primary" href={href} download={entry.name}>
            Download
          </a>
        )}
        {mayChange && button('Rename', { kind: 'rename', entry })}
        {place.at === undefined &&
          entry.kind === 'file' &&
          button('Share', { kind: 'share', entry })}
        {mayChange && button('Remove', { kind: 'remove', entries: [entry] })}
        {place.at !== undefined &&
          button('Bring back', { kind: 'restore', path: self.path, at: place.at })}
        <a class="button" href={formatPlace({ ...self, view: 'history', at: undefined })}>
          History
        </a>
      </div>
      {entry.kind === 'file' && <PreviewBox place={place} entry={entry} />}
      <Facts path={visibleName(userPath(self))} entry={entry} />
    </aside>
  );
}

function Facts({ path, entry }: { readonly path: string; readonly entry: Entry }) {
  const { size, mtimeUs, author, mode, seq, etag, root, log, logCount, target } = entry;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Path', path],
    ['Points to', target === undefined ? undefined : visibleName(target)],
    [
      'Size',
      target === undefined ? `${formatBytes(size)} (${formatCount(size)} bytes)` : undefined,
    ],
    ['Changed', formatTime(mtimeUs / 1000)],
    ['This version by', `${author}, record ${seq} of the volume`],
    ['Mode', formatMode(mode)],
    ['Content root', etag],
    ['Log', log],
    ['Root of the log', root === undefined ? undefined : `${root}, ${logCount} records`],
  ];
  return (
    <dl>
      {facts.map(([title, text]) =>
        text === undefined ? null : (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{text}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

/** Shows nothing that is not what the content root says. */
function PreviewBox({ place, entry }: { readonly place: PathPlace; readonly entry: Entry }) {
  const { value, error } = useLoaded(
    async () =>
      await readForPreview({ ...entry, path: apiPath(below(place, entry.name)) }, place.at),
    [entry.etag],
  );
  if (error !== undefined) return <Failure error={error} />;
  if (value === undefined) return <p class="quiet">Loading a preview…</p>;
  const { bytes, chunks } = value;
  const isWhole = bytes.length === entry.size;
  const preview = previewOf(entry.name, bytes, { isWhole, rowsMax: LIMITS.previewRowsMax });
  return (
    <figure>
      <Shown preview={preview} bytes={bytes} />
      <figcaption>
        <span class="verified">✓ checked here</span>{' '}
        {isWhole ? 'all' : `the first ${formatBytes(bytes.length)} of`}{' '}
        {isWhole && `${formatBytes(bytes.length)}, `}
        SHA-256 of {formatCount(chunks.checked)} of {formatCount(chunks.all)} chunks, and the
        content root over all of them. That this is the newest version is the server's word;{' '}
        <code>gdpfs stat --prove</code> proves it.
      </figcaption>
    </figure>
  );
}

async function readForPreview(entry: Entry, at: string | undefined): Promise<VerifiedBytes> {
  const head = await readVerified(entry, LIMITS.previewTextBytesMax, at);
  const isPicture = pictureType(head.bytes) !== undefined;
  if (!isPicture || entry.size > LIMITS.previewPictureBytesMax) return head;
  return head.bytes.length === entry.size ? head : await readVerified(entry, entry.size, at);
}

function Shown({
  preview,
  bytes,
}: {
  readonly preview: Preview;
  readonly bytes: Uint8Array<ArrayBuffer>;
}) {
  switch (preview.kind) {
    case 'picture':
      return <Picture type={preview.type} bytes={bytes} />;
    case 'table':
      return (
        <div class="preview">
          <table>
            <tbody>
              {preview.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((field, column) =>
                    index === 0 ? <th key={column}>{field}</th> : <td key={column}>{field}</td>,
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case 'text':
      return <pre class="preview">{preview.text}</pre>;
    default:
      return <pre class="preview">{preview.lines.join('\n')}</pre>;
  }
}

/** In an image element nothing runs, and its type is one of pictures of dots. */
function Picture({
  type,
  bytes,
}: {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes, type]);
  return url === undefined ? null : <img class="preview" src={url} alt="The picture in the file" />;
}
