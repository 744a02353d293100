#!/usr/bin/env python3
"""Receives metrics by OTLP/HTTP in JSON, strictly, with OpenTelemetry's own messages.

Prints its port, and then each push as a line of JSON: its path, its headers, its resource and its values. What is no
ExportMetricsServiceRequest is answered with 400 and printed as an error.
"""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE


def attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def told(body):
    request = json_format.Parse(body, ExportMetricsServiceRequest())
    [resource] = request.resource_metrics
    [scope] = resource.scope_metrics
    values = {}
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        if kind != "gauge":
            assert data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE, metric.name
        assert metric.description and metric.unit, metric.name
        for point in data.data_points:
            assert point.time_unix_nano >= point.start_time_unix_nano > 0, metric.name
            labels = attributes(point.attributes)
            name = ",".join([metric.name] + [f"{key}={labels[key]}" for key in sorted(labels) if key not in ("job", "model")])
            if kind == "histogram":
                assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                assert sum(point.bucket_counts) == point.count
                values[name] = point.count
            else:
                values[name] = point.as_double
    return {"resource": attributes(resource.resource.attributes), "values": values}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            push = {"path": self.path, "headers": dict(self.headers), **told(body)}
            status = 200
        except Exception as error:  # whatever is wrong with it is what the test wants to read
            push = {"error": f"{type(error).__name__}: {error}"}
            status = 400
        print(json.dumps(push), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(f"listening at {server.server_port}.", flush=True)
server.serve_forever()
