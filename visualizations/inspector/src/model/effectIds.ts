/** What the ends of the ids of effects say: which kind it is, and which actor in its turn works on it. */
const endings: readonly (readonly [RegExp, string, (tool: string) => string])[] = [
  [/\.\d+\.model\.\d+$/, 'callModel', () => '/callModel'],
  [/\.\d+\.tool\.(\d+)\.prepare$/, 'prepareTool', (tool) => `/tool.${tool}/prepareTool`],
  [/\.\d+\.tool\.(\d+)\.execute\.\d+$/, 'executeTool', (tool) => `/tool.${tool}/executeTool`],
  [/\.\d+\.prepare$/, 'prepareStep', () => '/prepareStep'],
  [/\.\d+\.output$/, 'checkOutput', () => '/checkOutput'],
  [/\.\d+\.compaction\.\d+\.\d+\.summary$/, 'summarize', () => '/compaction/summarize'],
];

/** As the sources call it: `callModel`. */
export function kindOfEffect(id: string): string {
  return endings.find(([ending]) => ending.test(id))?.[1] ?? (id.endsWith('.summary') ? 'summarize' : 'effect');
}

/** The path of the actor that works on it: `session/turn/tool.0/executeTool`. */
export function pathOfEffect(id: string): string {
  for (const [ending, , pathIn] of endings) {
    const found = ending.exec(id);
    if (found !== null) return `session/turn${agentsIn(id)}${pathIn(found[1] ?? '')}`;
  }
  return id.endsWith('.summary') ? 'session/compaction/summarize' : 'session';
}

/** Turns of sub-agents are named after the calls that they work on. */
function agentsIn(id: string): string {
  return [...id.matchAll(/\.\d+\.tool\.(\d+)\.agent(?=\.)/g)].map(([, tool]) => `/tool.${tool}/agent`).join('');
}
