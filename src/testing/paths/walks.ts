import type { PathSubjectName } from './alphabet.ts';
import { defaultBounds, type PathBounds } from './bounds.ts';
import { modelEvents, type PathEvent } from './pathEvent.ts';

/** One walk over a machine: how far it goes, and around which events. */
export interface Walk {
  readonly bounds: PathBounds;
  readonly isLeftOut: (event: PathEvent) => boolean;
}

/** Features that are walked together, how far, and which answers of the model that takes. */
interface Plan {
  readonly features: PathBounds['features'];
  /** No further than this, as far as bounds do not say less. */
  readonly most: Partial<Omit<PathBounds, 'features'>>;
  /** @default whatever comes of a model call */
  readonly model?: readonly PathEvent[];
}

/** All features at once are too many paths, and few of them have to do with each other: each gets walks of its own. */
const plans: Readonly<Record<PathSubjectName, readonly Plan[]>> = {
  turn: [
    { features: [], most: {} },
    {
      features: ['approvals', 'clients'],
      most: { steps: 1, toolAttempts: 1 },
      model: ['model asks for 1 tool', 'model asks for 2 tools'],
    },
    {
      features: ['agents', 'approvals', 'clients', 'pauses'],
      most: { steps: 1, tools: 1, toolAttempts: 1 },
      model: ['model asks for 1 tool'],
    },
    {
      features: ['preparation', 'guardrails'],
      most: { attempts: 1, tools: 1, toolAttempts: 1 },
      model: ['model streams', 'model answers', 'model asks for 1 tool', 'answer is denied'],
    },
    {
      features: ['output'],
      most: { attempts: 1, tools: 1, toolAttempts: 1 },
      model: [
        'model streams',
        'model answers',
        'model answers nothing',
        'model asks for 1 tool',
        'model refuses',
        'model refuses in a tool call, over budget',
      ],
    },
    {
      features: ['pauses'],
      most: { attempts: 1, tools: 1, toolAttempts: 1 },
      model: ['model answers', 'model asks for 1 tool', 'model is cut off in a tool call'],
    },
    {
      features: ['compaction', 'preparation'],
      most: { attempts: 1, tools: 1, toolAttempts: 1 },
      model: ['model streams', 'model answers', 'model asks for 1 tool', 'model fails: context_overflow'],
    },
    {
      features: ['repetition'],
      most: { steps: 1, tools: 1, toolAttempts: 1 },
      model: ['model repeats a call', 'model repeats a call too often'],
    },
    {
      features: [],
      most: { attempts: 1, tools: 1, toolAttempts: 1, toolErrors: 1 },
      model: ['model asks for 1 tool', 'model is cut off in a tool call'],
    },
  ],
  toolCall: [
    { features: [], most: {} },
    { features: ['approvals', 'clients', 'agents', 'guardrails', 'pauses'], most: { steps: 1 } },
  ],
  session: [
    { features: [], most: {} },
    { features: ['approvals', 'clients', 'pauses'], most: { turns: 1, steps: 1, tools: 1 } },
    { features: ['compaction'], most: { turns: 2, steps: 1 }, model: ['model answers'] },
  ],
  compaction: [{ features: ['compaction'], most: { attempts: 1, tools: 1, toolAttempts: 1, turns: 1 } }],
};

/** The walks that a machine takes within bounds; where these name features, it is a single one. */
export function walksOf(machine: PathSubjectName, given: Partial<PathBounds>): readonly Walk[] {
  if (given.features !== undefined) return [{ bounds: { ...defaultBounds, ...given }, isLeftOut: () => false }];
  return plans[machine].map(({ features, most, model }) => ({
    bounds: { ...atMost({ ...defaultBounds, ...given }, most), features },
    isLeftOut: (event) => model !== undefined && ofModel.has(event) && !model.includes(event),
  }));
}

const ofModel: ReadonlySet<PathEvent> = new Set(modelEvents);

function atMost(bounds: PathBounds, most: Plan['most']): PathBounds {
  const names = Object.keys(most) as (keyof Plan['most'])[];
  return {
    ...bounds,
    ...Object.fromEntries(names.map((name) => [name, Math.min(bounds[name], most[name] ?? Infinity)])),
  };
}
