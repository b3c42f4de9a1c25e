import { useState } from 'preact/hooks';
import type { AssistantPart, FilePart, Message, TextPart, ToolResultPart } from '../../../../src/messages.ts';
import { conversationOf, historyOf, streamedText, turnOf } from '../model/context.ts';
import { outputText } from '../model/describe.ts';
import { cursor, isUnread, item, moment, path, run, say } from '../model/store.ts';
import { stillReading } from './ChartPanel.tsx';
import { JsonTree } from './json.tsx';

/** The conversation as it was at the moment. Whatever is in it is shown as text. */
export function Conversation() {
  const [shown, setShown] = useState(60);
  const now = moment.value;
  const messages = conversationOf(now, path.value);
  const history = historyOf(now, path.value);
  const turn = turnOf(now, path.value);
  const isAnswering = turn?.states.some((state) => state.endsWith('callingModel')) ?? false;
  const partial =
    isAnswering && turn !== undefined ? streamedText(run.value?.items ?? [], cursor.value, turn.track.path) : '';
  const first = Math.max(0, messages.length - shown);
  if (isUnread.value) return <p class="empty">{stillReading}</p>;
  return (
    <div class="conversation">
      <header>
        <span class="faint">
          {messages.length} {messages.length === 1 ? 'message' : 'messages'} at this moment
        </span>
        <Fork messages={messages} />
      </header>
      {first > 0 && (
        <button type="button" class="more" onClick={() => setShown(shown + 200)}>
          {first} earlier
        </button>
      )}
      {messages.slice(first).map((message, index) => (
        <MessageView
          key={message.id}
          message={message}
          isLeftOut={first + index < (history?.compaction?.from ?? 0) && message.role !== 'system'}
        />
      ))}
      {partial !== '' && (
        <article class="message assistant streaming" aria-label="Assistant, still answering">
          <p class="role">assistant · answering</p>
          <p class="text">{partial}</p>
        </article>
      )}
      {messages.length === 0 && partial === '' && <p class="empty">Nothing has been said yet.</p>}
    </div>
  );
}

function MessageView({ message, isLeftOut }: { message: Message; isLeftOut: boolean }) {
  const cause = 'cause' in message ? message.cause : undefined;
  const marks = [
    cause,
    message.role === 'assistant' && message.partial ? 'cut off' : undefined,
    message.role === 'assistant' && message.phase === 'commentary' ? 'before tools' : undefined,
    isLeftOut ? 'not shown to the model any more' : undefined,
  ].filter((mark) => mark !== undefined);
  return (
    <article class={`message ${message.role} ${isLeftOut ? 'left-out' : ''}`} aria-label={`${message.role} message`}>
      <p class="role">
        {message.role}
        {marks.map((mark) => (
          <span key={mark} class="mark">
            {mark.replaceAll('_', ' ')}
          </span>
        ))}
      </p>
      {message.role === 'system' ? (
        <p class="text">{message.content}</p>
      ) : (
        message.content.map((part, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message are never in another order
          <PartView key={index} part={part} />
        ))
      )}
    </article>
  );
}

function PartView({ part }: { part: TextPart | FilePart | AssistantPart | ToolResultPart }) {
  switch (part.type) {
    case 'text':
      return part.text === '' ? null : <p class="text">{part.text}</p>;
    case 'reasoning':
      return (
        <details class="reasoning">
          <summary>Reasoning</summary>
          <p class="text">{part.text}</p>
        </details>
      );
    case 'file':
      return <p class="file">{`${part.name ?? 'file'} (${part.mediaType})`}</p>;
    case 'tool-call':
      return (
        <div class="call">
          <span class="call-name">{part.toolName}</span>
          <JsonTree value={part.input} depth={0} />
        </div>
      );
    case 'tool-result':
      return (
        <details class={`result ${part.output.type === 'error' ? 'error' : ''}`}>
          <summary>
            <span class="call-name">{part.toolName}</span>{' '}
            {part.synthesized !== undefined && <span class="mark">{part.synthesized}</span>}
            <span class="faint">{outputText(part.output)}</span>
          </summary>
          <JsonTree value={part.output.value} depth={1} />
        </details>
      );
    case 'opaque':
      return <p class="file">{`for ${part.provider} only`}</p>;
  }
}

/** Going on from here is a new session that begins with this conversation: what happened stays as it is. */
function Fork({ messages }: { messages: readonly Message[] }) {
  const [isCopied, setCopied] = useState(false);
  const now = item.value;
  if (now === undefined || messages.length === 0) return null;
  const last = messages.at(-1);
  const isOpen = last?.role === 'assistant' && last.content.some(({ type }) => type === 'tool-call');
  const copy = async () => {
    const code = `const session = agent.session({ messages: ${JSON.stringify(messages, undefined, 2)} });\n`;
    try {
      await navigator.clipboard.writeText(code);
    } catch {
      say('The browser does not let this page copy: save the recording instead.');
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button
      type="button"
      class="small"
      disabled={isOpen}
      onClick={copy}
      title={
        isOpen
          ? 'Tool calls have no results yet: go to a moment at which they have'
          : 'A new session that begins with these messages; this one stays as it is'
      }
    >
      {isCopied ? 'Copied' : 'Fork as new session'}
    </button>
  );
}
