import { useState } from 'preact/hooks';

/**
 * A value as a tree that is opened as far as one wants to see it. Everything in it is text.
 *
 * @param depth how many levels inside of the outermost are open
 */
export function JsonTree({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) {
  const [isOpen, setOpen] = useState(depth > 0);
  const [shown, setShown] = useState(100);
  const label = name === undefined ? null : <span class="key">{name}</span>;
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="leaf">
        {label}
        <Plain value={value} />
      </div>
    );
  }
  const entries = Object.entries(value);
  if (entries.length === 0) {
    return (
      <div class="leaf">
        {label}
        <span class="faint">{Array.isArray(value) ? '[]' : '{}'}</span>
      </div>
    );
  }
  const inner = (
    <div class="inner">
      {entries.slice(0, shown).map(([key, each]) => (
        <JsonTree key={key} name={key} value={each} depth={name === undefined ? depth : depth - 1} />
      ))}
      {entries.length > shown && (
        <button type="button" class="more" onClick={() => setShown(shown + 400)}>
          {entries.length - shown} more
        </button>
      )}
    </div>
  );
  // the outermost has no name to be folded behind
  if (name === undefined) return <div class="trunk">{inner}</div>;
  return (
    <div class="branch">
      <button type="button" class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span class="arrow" aria-hidden="true" />
        {label}
        <span class="faint">{Array.isArray(value) ? `[${entries.length}]` : isOpen ? '' : preview(entries)}</span>
      </button>
      {isOpen && inner}
    </div>
  );
}

const longest = 400;

function Plain({ value }: { value: unknown }) {
  const [isWhole, setWhole] = useState(false);
  if (typeof value !== 'string') return <span class={`value ${typeof value}`}>{String(value)}</span>;
  if (value.length <= longest || isWhole) return <span class="value string">{value === '' ? '""' : value}</span>;
  return (
    <span class="value string">
      {value.slice(0, longest)}…{' '}
      <button type="button" class="more" onClick={() => setWhole(true)}>
        {value.length - longest} more letters
      </button>
    </span>
  );
}

function preview(entries: readonly (readonly [string, unknown])[]): string {
  const names = entries.slice(0, 4).map(([key]) => key);
  return `{ ${names.join(', ')}${entries.length > 4 ? ', …' : ''} }`;
}
