export type MetricLabels = Readonly<Record<string, string>>;

/** One metric family with all its samples. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly samples: readonly (readonly [MetricLabels, number])[];
}

export function gauge(name: string, help: string, samples: Metric['samples']): Metric {
  return { name: `shoal_${name}`, type: 'gauge', help, samples };
}

export function counter(name: string, help: string, samples: Metric['samples']): Metric {
  return { name: `shoal_${name}`, type: 'counter', help, samples };
}

/** Formats a metric in the Prometheus text exposition format 0.0.4. */
export function metricLines({ name, type, help, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
