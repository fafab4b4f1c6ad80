// Draws the API's description as Redoc. No inline script: the page's Content-Security-Policy forbids it.
const page = document.getElementById("page");
Redoc.init(page.dataset.description, { jsonSamplesExpandLevel: 4, expandResponses: "200,201,202" }, page);
