import type { MachineCoverage } from '../../../../src/testing/paths/coverage.ts';
import { coverage, moment, path } from '../model/store.ts';

/** What path tests come by; the chart shows the same. */
export function CoverageView() {
  const report = coverage.value;
  if (report === undefined) {
    return (
      <p class="empty">
        Drop a coverage file here: what <code>pathCoverage().read()</code> gives, as JSON. The charts then show which
        states and transitions your path tests come by.
      </p>
    );
  }
  return (
    <div class="coverage">
      <header>
        <button type="button" class="small" onClick={() => (coverage.value = undefined)}>
          Close report
        </button>
      </header>
      {report.machines.map((each) => (
        <MachineReport key={each.machine} report={each} />
      ))}
    </div>
  );
}

function MachineReport({ report: { machine, states, transitions } }: { report: MachineCoverage }) {
  const missed = transitions.filter(({ hits }) => hits === 0);
  const covered = transitions.length - missed.length;
  const entered = states.filter(({ hits }) => hits > 0).length;
  const shown = moment.value.actors.find(({ track }) => track.machine === machine);
  return (
    <section>
      <h4>
        {machine}
        {shown !== undefined && (
          <button type="button" class="small" onClick={() => (path.value = shown.track.path)}>
            Show
          </button>
        )}
      </h4>
      <p>
        {covered} of {transitions.length} transitions, {entered} of {states.length} states
      </p>
      <meter min={0} max={transitions.length} value={covered} aria-label={`Transitions of ${machine}`} />
      {missed.length > 0 && (
        <details>
          <summary>{missed.length} never taken</summary>
          <ul class="missed">
            {missed.map(({ name }) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
