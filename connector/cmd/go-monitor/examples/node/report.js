// Reports calls of a shop with OpenTelemetry's SDK for Node; FAILING (0 to 1) of them fail.
//
//	npm ci && FAILING=0.5 node report.js
//
// OTEL_EXPORTER_OTLP_ENDPOINT says where to; default http://localhost:4318.
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const calls = Number(process.env.CALLS ?? 20);
const failing = Number(process.env.FAILING ?? 0.5);

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "node-shop" }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

const tracer = trace.getTracer("shop");
for (let i = 0; i < calls; i++) {
  const fails = Math.floor((i + 1) * failing) > Math.floor(i * failing);
  const attributes = {
    "http.request.method": "POST",
    "http.route": "/orders",
    "http.response.status_code": fails ? 503 : 201,
  };
  const span = tracer.startSpan("POST /orders", { kind: SpanKind.SERVER, attributes });
  if (fails) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
await provider.shutdown(); // sends what is left
console.log(`reported ${calls} calls`);
