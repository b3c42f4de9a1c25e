// A chat of one session: its messages, the answer as it streams in, the state of the turn, and a button that stops it.
import { type Session, textOf } from 'turnchart';
import { useSession } from './useSession.ts';

export function Chat({ session }: { readonly session: Session }) {
  const { isBusy, state, text, messages } = useSession(session);
  const send = (form: FormData) => {
    const message = String(form.get('message')).trim();
    if (message !== '') session.send(message);
  };
  return (
    <main>
      <ol aria-label="Conversation">
        {messages.map((message) => (
          <li key={message.id}>
            <b>{message.role}</b> {textOf(message)}
          </li>
        ))}
        {text !== '' && (
          <li aria-busy="true">
            <b>assistant</b> {text}
          </li>
        )}
      </ol>
      <p role="status">{state}</p>
      <form action={send}>
        <input name="message" aria-label="Message" placeholder="simulate an endless answer" />
        <button type="submit" disabled={isBusy}>
          Send
        </button>
        <button type="button" disabled={!isBusy} onClick={() => session.cancel()}>
          Stop
        </button>
      </form>
    </main>
  );
}
