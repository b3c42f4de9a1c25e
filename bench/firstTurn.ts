// From nothing to the end of a first turn, in ms: node bench/firstTurn.ts <subject>. What is loaded is part of it.
const start = performance.now();
const [subject] = process.argv.slice(2);
const { mockModel, textReads } = await import('./mockModel.ts');
const loaded = performance.now();
const model = mockModel(() => textReads(20, 64));
if (subject === 'bare') {
  const { bareLoop } = await import('./bareLoop.ts');
  const message = { role: 'user', id: 'm', content: [{ type: 'text', text: 'Hi' }] } as const;
  await bareLoop(model, new Map(), [message], { signal: new AbortController().signal, onText: () => {} });
} else {
  const { createAgent } = await import('turnchart');
  await createAgent({ model }).run('Hi');
}
// the model is the same for both, and no part of what is compared
console.log(JSON.stringify({ value: performance.now() - loaded, ofModel: loaded - start }));
