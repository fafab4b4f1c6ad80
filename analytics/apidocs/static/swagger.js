// Draws the API's description as Swagger UI. No inline script: the page's Content-Security-Policy forbids it.
const page = document.getElementById("page");
SwaggerUIBundle({
  url: page.dataset.description,
  domNode: page,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  // Else the description's address is sent to a validator on the Internet.
  validatorUrl: null,
});
