import { type Attributes, SpanStatusCode } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { type Telemetry, telemetry } from 'turnchart/telemetry';
import { expect } from 'vitest';

/** What telemetry has made, as a backend would have it. */
export interface Backend extends Telemetry {
  readonly tracer: ReturnType<BasicTracerProvider['getTracer']>;
  /** Spans that have ended, in the order of their starts. */
  spans(): readonly ReadableSpan[];
  /** The only span of that name. */
  span(name: string): ReadableSpan;
  /** All spans as a tree: a line each, indented, with its outcome where that is not `completed`. */
  tree(): readonly string[];
  /** The points of a histogram: their attributes, how many values, and their sum. */
  points(metric: string): Promise<readonly { attributes: Attributes; count: number; sum: number | undefined }[]>;
}

export function backend(options: { readonly content?: boolean } = {}): Backend {
  const exporter = new InMemorySpanExporter();
  const started: string[] = [];
  const provider = new BasicTracerProvider({
    spanProcessors: [
      new SimpleSpanProcessor(exporter),
      {
        onStart: (span) => void started.push(span.spanContext().spanId),
        onEnd: () => undefined,
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 2 ** 31 - 1 });
  const meters = new MeterProvider({ readers: [reader] });
  const tracer = provider.getTracer('test');
  const spans = () =>
    exporter.getFinishedSpans().toSorted((a, b) => started.indexOf(idOf(a)) - started.indexOf(idOf(b)));
  return {
    ...telemetry({ tracer, meter: meters.getMeter('test'), ...options }),
    tracer,
    spans,
    span: (name) => {
      const [span, ...others] = spans().filter((candidate) => candidate.name === name);
      if (span === undefined || others.length > 0) return expect.fail(`${others.length + 1} spans "${name}"`);
      return span;
    },
    tree: () => {
      expect(started).toHaveLength(spans().length);
      return treeOf(spans(), undefined, '');
    },
    points: async (name) => {
      await reader.forceFlush();
      const scopes = metrics.getMetrics().at(-1)?.scopeMetrics ?? [];
      const metric = scopes.flatMap((scope) => scope.metrics).find(({ descriptor }) => descriptor.name === name);
      if (metric?.dataPointType !== DataPointType.HISTOGRAM) return [];
      return metric.dataPoints.map(({ attributes, value: { count, sum } }) => ({ attributes, count, sum }));
    },
  };
}

function treeOf(spans: readonly ReadableSpan[], parent: string | undefined, indent: string): readonly string[] {
  const children = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent);
  return children
    .toSorted((a, b) => startOf(a) - startOf(b))
    .flatMap((span) => {
      const { 'turnchart.outcome': outcome } = span.attributes;
      const isError = span.status.code === SpanStatusCode.ERROR;
      const ending = outcome === 'completed' || outcome === undefined ? '' : `: ${outcome}${isError ? '!' : ''}`;
      return [`${indent}${span.name}${ending}`, ...treeOf(spans, idOf(span), `${indent}  `)];
    });
}

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
}

/** Epoch ms. */
export function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** In ms. */
export function durationOf({ duration: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

/** The events of a span: what each is called, when it came, and what it says. */
export function notesOf({ events }: ReadableSpan): readonly (readonly [string, number, Attributes | undefined])[] {
  return events.map(({ name, time: [seconds, nanoseconds], attributes }) => [
    name,
    seconds * 1000 + nanoseconds / 1e6,
    attributes,
  ]);
}
