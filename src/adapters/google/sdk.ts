import { loadPeer } from '../peer.ts';

/** What of Google's SDK is used at run time. */
export const { GoogleGenAI, FunctionCallingConfigMode } = await loadPeer(
  'google',
  '@google/genai',
  () => import('@google/genai'),
);
