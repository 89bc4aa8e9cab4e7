"""The shapes of responses, for the OpenAPI document: one file a kind of resource."""
