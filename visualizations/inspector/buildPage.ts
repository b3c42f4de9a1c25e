import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build, defaultClientConditions, type Plugin, type Rolldown } from 'vite';
import { type ChartDrawing, drawChart } from '../../src/inspection/chartDrawing.ts';
import { readChart } from '../../src/inspection/readChart.ts';
import type { RecordingEntry } from '../../src/recording.ts';
import { machines } from '../../tools/overview.ts';
import { demoRecording } from './demo.ts';
import { type Meanings, readMeanings } from './meanings.ts';

/** What the page knows without being told; `virtual:known` to it. */
export interface Known {
  /** The machines of a session, by id. */
  readonly drawings: Readonly<Record<string, ChartDrawing>>;
  readonly meanings: Meanings;
  /** An example. */
  readonly demo: readonly RecordingEntry[];
}

/**
 * Builds the page of the inspector: one HTML file with everything in it, which loads nothing and allows nothing to be
 * loaded.
 */
export async function buildPage(): Promise<string> {
  const built = await build({
    configFile: false,
    root: fileURLToPath(new URL('.', import.meta.url)),
    logLevel: 'error',
    resolve: { conditions: ['turnchart-source', ...defaultClientConditions] },
    plugins: [known(), layoutsAreKnown()],
    build: {
      write: false,
      target: 'es2023',
      // those that know light-dark()
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
      modulePreload: false,
      cssCodeSplit: false,
      assetsInlineLimit: Number.POSITIVE_INFINITY,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  if ('close' in built) throw new Error('Vite watches, instead of building once.');
  return inOneFile([built].flat().flatMap(({ output }) => output));
}

/** Charts are laid out when the page is built: it has no layout engine in it. */
function known(): Plugin {
  const name = 'virtual:known';
  return {
    name,
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    async load(id) {
      if (id !== `\0${name}`) return undefined;
      const drawings: Record<string, ChartDrawing> = {};
      for (const machine of Object.values(machines)) drawings[machine.id] = await drawChart(readChart(machine));
      const all = JSON.stringify({ drawings, meanings: readMeanings(), demo: await demoRecording() } satisfies Known);
      return `export default JSON.parse(${JSON.stringify(all)});`;
    },
  };
}

/** Nothing of the page calls it; the package is not looked for all the same. */
function layoutsAreKnown(): Plugin {
  const name = 'state-machine-cat';
  return {
    name: 'layouts-are-known',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? 'export const render = undefined;' : undefined),
  };
}

type Output = Rolldown.RolldownOutput['output'][number];

function inOneFile(outputs: readonly Output[]): string {
  const textOf = (wanted: (name: string) => boolean) =>
    outputs
      .filter(({ fileName }) => wanted(fileName))
      .map((output) => (output.type === 'chunk' ? output.code : String(output.source)))
      .join('\n');
  const style = textOf((name) => name.endsWith('.css')).trim();
  const script = textOf((name) => name.endsWith('.js'))
    .trim()
    .replace(/<(\/script|!--)/gi, '\\x3c$1');
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return textOf((name) => name.endsWith('.html'))
    .replace(/\s*<(script|link)\b[^>]*(\.js|\.css)"[^>]*>(<\/script>)?/g, '')
    .replace(
      '<meta charset="utf-8">',
      (meta) => `${meta}\n    <meta http-equiv="Content-Security-Policy" content="${policy}">`,
    )
    .replace('</head>', () => `  <style>${style}</style>\n  </head>`)
    .replace('</body>', () => `  <script type="module">${script}</script>\n  </body>`);
}
