import { openExample } from '../model/files.ts';
import { connection } from '../model/store.ts';

export function Welcome() {
  const isConnected = connection.value !== undefined;
  return (
    <main class="welcome">
      <svg class="logo" width="72" height="72" viewBox="0 0 16 16" aria-hidden="true">
        <rect x="0.5" y="0.5" width="15" height="15" rx="4" />
        <path d="M4 5h8M8 5v7" />
      </svg>
      <h2>{isConnected ? 'Waiting for a session' : 'Watch a turn as a statechart'}</h2>
      {isConnected ? (
        <p>As soon as one opens, it is here.</p>
      ) : (
        <>
          <p>
            Drop a recording anywhere on this page, or open one above. Nothing leaves your machine, and nothing is
            called.
          </p>
          <pre>npx turnchart --record run.jsonl "what is 17*23?"</pre>
          <button type="button" onClick={openExample}>
            Open an example
          </button>
        </>
      )}
    </main>
  );
}
