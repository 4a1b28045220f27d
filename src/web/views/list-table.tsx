import type { ComponentChildren } from 'preact';

/** The head of a column; a wide one is left out where there is little room. */
type Column = string | { readonly text: string; readonly isWide?: true; readonly isHidden?: true };

/** For buttons: who sees the table needs no name for it. */
export const ACTIONS: Column = { text: 'Actions', isHidden: true };

/** A table of what there is; `children` are its rows. */
export function ListTable(props: {
  readonly columns: readonly Column[];
  readonly children: ComponentChildren;
}) {
  return (
    <table class="list">
      <thead>
        <tr>
          {props.columns.map((column) => (
            <Head key={typeof column === 'string' ? column : column.text} column={column} />
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}

function Head({ column }: { readonly column: Column }) {
  if (typeof column === 'string') return <th scope="col">{column}</th>;
  const { text, isWide, isHidden } = column;
  return (
    <th scope="col" class={isWide && 'wide'}>
      {isHidden ? <span class="hidden">{text}</span> : text}
    </th>
  );
}
