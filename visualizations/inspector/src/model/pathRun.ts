import known from 'virtual:known';
import type { ChartDrawing } from '../../../../src/inspection/chartDrawing.ts';
import type { Chart } from '../../../../src/inspection/readChart.ts';
import { rootOf } from '../../../../src/testing/paths/alphabet.ts';
import type { TurnPath } from '../../../../src/testing/paths/path.ts';
import { Rig } from '../../../../src/testing/paths/rig.ts';
import { ActorSystem } from './actorSystem.ts';
import type { Item, Part, Run, Track } from './run.ts';

/** A path of a test, walked on the machines: what the path says happens to them, one thing after another. */
export class PathRun implements Run, Part {
  readonly id: string;
  readonly title: string;
  readonly items: Item[] = [];
  readonly first = 0;
  readonly problem: string | undefined;
  readonly #actors = new ActorSystem();

  /** @param number of the path in its file, from 1 */
  constructor(path: TurnPath, number: number) {
    this.id = `path ${number}: ${path.name}`;
    this.title = `Path ${number}: ${path.name}`;
    const root = rootOf(path.machine);
    const rig = new Rig(root, path.bounds);
    this.#actors.begin(rig.actor, root.id === 'session' ? 'session' : 'session/turn', { at: 0, item: 0 });
    this.#push(0, 'start', path.machine, path.name, []);
    for (const [index, { event, state }] of path.steps.entries()) {
      const at = (index + 1) * 1000;
      try {
        rig.apply(event);
      } catch (error) {
        this.problem = `Step ${index + 1} of the path cannot be taken today: ${String(error)}`;
        break;
      }
      const steps = this.#actors.look({ at, item: this.items.length });
      this.#push(at, kindOf(event), event, state, steps);
    }
    rig.stop();
  }

  get tracks(): readonly Track[] {
    return this.#actors.tracks;
  }

  get end(): number {
    return this.items.length;
  }

  get whole(): Part {
    return this;
  }

  partAt(): Part {
    return this;
  }

  chartOf(machine: string): Chart | undefined {
    return known.drawings[machine]?.chart;
  }

  drawingOf(machine: string): ChartDrawing | undefined {
    return known.drawings[machine];
  }

  #push(at: number, kind: Item['kind'], name: string, summary: string, steps: Item['steps']): void {
    const { moment, titles } = this.#actors;
    const actor = steps[0]?.track.path ?? 'session/turn';
    const actorTitle = titles.get(actor) ?? actor;
    const payload = { event: name, state: summary };
    this.items.push({ index: this.items.length, at, kind, name, summary, actor, actorTitle, payload, steps, moment });
  }
}

/** Paths name what happens in words. */
function kindOf(event: string): Item['kind'] {
  if (/^(model|tool|compaction|plan|check|summary|agent)\b/.test(event)) return 'result';
  return /\bis due$|\bis up$/.test(event) ? 'timer' : 'command';
}
