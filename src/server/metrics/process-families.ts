import { readdir, readFile } from 'node:fs/promises';
import { counter, type Family, gauge } from './families.ts';

/** Of this process, by the names that Prometheus has for them. */
export async function processFamilies(version: string): Promise<Family[]> {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const build = { version, node: process.version };
  return [
    gauge('gdpfs_build_info', 'Which program this is.', [{ labels: build, value: 1 }]),
    counter('process_cpu_seconds', 'CPU time of all threads.', (user + system) / 1_000_000),
    gauge('process_resident_memory_bytes', 'Memory in use.', rss),
    gauge(
      'process_start_time_seconds',
      'When the process began, in seconds since the epoch.',
      performance.timeOrigin / 1000,
    ),
    gauge('nodejs_heap_size_used_bytes', 'Objects of the main thread.', heapUsed),
    gauge('nodejs_external_memory_bytes', 'Buffers and what else is outside the heap.', external),
    ...(await descriptorFamilies()),
  ];
}

/** Where there is a /proc. */
async function descriptorFamilies(): Promise<Family[]> {
  try {
    const open = (await readdir('/proc/self/fd')).length;
    const limits = await readFile('/proc/self/limits', 'utf8');
    const max = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
    return [
      gauge('process_open_fds', 'Open file descriptors.', open),
      gauge('process_max_fds', 'Descriptors that may be open.', max),
    ];
  } catch {
    return [];
  }
}
