// The API to read and to try: Swagger UI over this service's own document. Nothing comes from another host.
globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null, // no address leaves this machine
  presets: [globalThis.SwaggerUIBundle.presets.apis],
});
