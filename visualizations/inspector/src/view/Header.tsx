import { exports } from '../model/exports.ts';
import { openFile } from '../model/files.ts';
import { modelName } from '../model/outline.ts';
import { PathRun } from '../model/pathRun.ts';
import { ReplayedRun } from '../model/replayedRun.ts';
import { connection, growth, isLive, openRun, reading, run, runs } from '../model/store.ts';

export function Header({ onHelp }: { onHelp: () => void }) {
  growth.value;
  const source = run.value;
  return (
    <header class="top">
      <h1>
        <svg class="logo" width="20" height="20" viewBox="0 0 16 16" aria-hidden="true">
          <rect x="0.5" y="0.5" width="15" height="15" rx="4" />
          <path d="M4 5h8M8 5v7" />
        </svg>
        Turnchart <span class="faint">inspector</span>
      </h1>
      {source !== undefined && (
        <select
          class="runs"
          aria-label="Session"
          value={source.id}
          onChange={(event) => openRun(event.currentTarget.value)}
        >
          {runs.value.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      )}
      {source instanceof ReplayedRun && <span class="faint model">{modelName(source.start)}</span>}
      <Status />
      <span class="grow" />
      <label class="button">
        Open
        <input
          type="file"
          accept=".jsonl,.json"
          onChange={async (event) => {
            const input = event.currentTarget;
            for (const file of input.files ?? []) await openFile(file);
            input.value = '';
          }}
        />
      </label>
      {source !== undefined && <ExportMenu isSession={source instanceof ReplayedRun} />}
      <button type="button" aria-label="Keys" onClick={onHelp}>
        ?
      </button>
    </header>
  );
}

function Status() {
  const state = connection.value;
  const source = run.value;
  if (reading.value !== undefined) return <span class="status">reading, {Math.floor(reading.value * 100)} %</span>;
  if (state === undefined && source === undefined) return null;
  if (source instanceof PathRun) return <span class="status">path</span>;
  if (state === undefined) return <span class="status">recording</span>;
  if (state.state === 'lost' || state.state === 'connecting') return <span class="status lost">connecting…</span>;
  if (state.state === 'refused') return <span class="status lost">refused: open the address that was printed</span>;
  if (!isLive.value) return <span class="status">recording</span>;
  return <span class="status live">{state.takesCommands ? 'live' : 'live, read-only'}</span>;
}

function ExportMenu({ isSession }: { isSession: boolean }) {
  return (
    <details class="menu">
      <summary class="button">Export</summary>
      <div class="menu-items">
        {exports
          .filter(({ isOfSession }) => isSession || isOfSession === undefined)
          .map(({ name, save }) => (
            <button
              key={name}
              type="button"
              onClick={(event) => {
                save();
                event.currentTarget.closest('details')?.removeAttribute('open');
              }}
            >
              {name}
            </button>
          ))}
      </div>
    </details>
  );
}
