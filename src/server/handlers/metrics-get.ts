import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { requireMetricsReader } from '../authorize.ts';
import type { Exchange } from '../exchange.ts';
import { formatMetrics } from '../metrics/text.ts';
import { reply } from '../reply.ts';

/** GET /metrics: what the server counts, for Prometheus. */
export async function metricsGet(exchange: Exchange<'metricsGet'>): Promise<void> {
  requireMetricsReader(exchange);
  const { request, services } = exchange;
  const isOpen = request.headers.accept?.includes('application/openmetrics-text') === true;
  const type = isOpen ? MEDIA_TYPES.openMetrics : MEDIA_TYPES.metrics;
  const families = await services.metrics.families();
  const text = formatMetrics(families, isOpen ? 'openmetrics' : 'prometheus');
  reply(exchange, { status: 200, headers: { 'Content-Type': type } }, text);
}
