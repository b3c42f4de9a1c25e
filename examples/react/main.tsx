// A chat in the browser, with React and @xstate/react; the simulated model runs in the page.
// Run it: npx vite examples/react
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createAgent } from 'turnchart';
import { simulated } from 'turnchart/adapters/simulated';
import { Chat } from './Chat.tsx';

const session = createAgent({ model: simulated({ delayMs: 40 }) }).session();
const root = document.getElementById('root');
if (root === null) throw new Error('The page has no element with the id "root".');
createRoot(root).render(
  <StrictMode>
    <Chat session={session} />
  </StrictMode>,
);
