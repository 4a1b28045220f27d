import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { visibleName } from '../text.ts';
import { messageOf } from '../upload/uploads.ts';

/** A name that others chose, as text: whatever is in it, it turns nothing around it. */
export function Name({ children }: { readonly children: string }) {
  return <bdi>{visibleName(children)}</bdi>;
}

export function Failure({ error }: { readonly error: unknown }) {
  if (error === undefined) return null;
  return (
    <p class="failure" role="alert">
      {messageOf(error)}
    </p>
  );
}

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: unknown;
  readonly reload: () => void;
}

/** What `load` gives for these inputs; another one's answer that comes late is dropped. */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  inputs: readonly unknown[],
): Loaded<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    const cancel = new AbortController();
    const { signal } = cancel;
    const unlessOver =
      <V,>(set: (value: V) => void) =>
      (given: V): void => {
        if (!signal.aborted) set(given);
      };
    load(signal).then(
      unlessOver((given: T) => {
        setValue(() => given);
        setError(undefined);
      }),
      unlessOver(setError),
    );
    return () => cancel.abort();
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { value, error, reload };
}

/** A field of a form; `''` if it has none of that name. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}

/** A question before everything else. The first field, or the button that does nothing, has the focus. */
export function Dialog(props: {
  readonly title: string;
  readonly action: string;
  readonly isDangerous?: boolean;
  /** May throw: then the dialog stays and says why. */
  readonly onAccept: (form: FormData) => Promise<void> | void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const { title, action, isDangerous = false, onAccept, onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const accept = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onAccept(new FormData(event.currentTarget as HTMLFormElement));
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="dialog-title">
      <form onSubmit={(event) => void accept(event)}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        <Failure error={error} />
        <div class="actions">
          <button type="button" onClick={onClose} autofocus={isDangerous}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}
