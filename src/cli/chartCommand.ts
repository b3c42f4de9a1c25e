import { parseArgs } from 'node:util';
import { type ChartFormat, type PrintChartOptions, printChart } from './chart.ts';
import { defined, isOneOf, notOneOf } from './optionValues.ts';
import { parseProblem } from './parseProblem.ts';
import { refusal } from './refusal.ts';
import { exitCodes } from './runTurn.ts';
import type { Terminal } from './terminal.ts';

const usage = `Usage: turnchart chart [options] <machine>

Prints the chart of a machine: turn, toolCall, session, compaction, or a file that exports one (machine.ts, machine.ts#name).

Options:
  --format <name>       mermaid (the default), svg, or json, which Stately Studio reads
  --region <state>      only this state and what is in it
  --collapsed <state>   a state to draw closed, may be given several times; or a number: everything deeper is closed
  --direction <name>    top-to-bottom (the default) or left-to-right
  --theme <name>        light (the default) or dark
  --highlight <name>    a state, or the number of a transition, to draw as active; may be given several times
  --actions             names the actions of transitions too
  --out <file>          writes to a file instead of standard output
`;

/** `turnchart chart …`; gives the exit code. */
export async function chartCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const refuse = refusal('chart', terminal);
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        format: { type: 'string', default: 'mermaid' },
        region: { type: 'string' },
        collapsed: { type: 'string', multiple: true },
        direction: { type: 'string' },
        theme: { type: 'string' },
        highlight: { type: 'string', multiple: true },
        actions: { type: 'boolean' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      terminal.write(usage);
      return exitCodes.completed;
    }
    const [machine] = positionals;
    if (machine === undefined || positionals.length > 1) return refuse('"turnchart chart" takes one machine.');
    const { format, direction, theme, collapsed, help: _, ...others } = values;
    if (!isOneOf(formats, format)) return refuse(notOneOf('format', format, formats));
    if (direction !== undefined && !isOneOf(directions, direction)) {
      return refuse(notOneOf('direction', direction, directions));
    }
    if (theme !== undefined && !isOneOf(themes, theme)) return refuse(notOneOf('theme', theme, themes));
    const options: PrintChartOptions = {
      machine,
      format,
      terminal,
      ...defined(others),
      ...(direction !== undefined && { direction }),
      ...(theme !== undefined && { theme }),
      ...(collapsed !== undefined && { collapsed: toCollapsed(collapsed) }),
    };
    return await printChart(options);
  } catch (error) {
    return refuse(parseProblem(error));
  }
}

const formats: readonly ChartFormat[] = ['mermaid', 'svg', 'json'];
const directions = ['top-to-bottom', 'left-to-right'] as const;
const themes = ['light', 'dark'] as const;

/** A number alone is how deep to draw. */
function toCollapsed(names: readonly string[]): number | readonly string[] {
  const [only] = names;
  return names.length === 1 && only !== undefined && /^\d+$/.test(only) ? Number(only) : names;
}
