"""The harness: data, stages, scores, records and the command line."""
