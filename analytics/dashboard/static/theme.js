// An embedded page has the theme of its address.
// Runs before the first paint, so that a chosen theme never flashes. Without a choice the system's theme holds.
try {
  const theme = localStorage.getItem("theme");
  if (theme && document.documentElement.dataset.embedded === undefined) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is refused: the system's theme.
}
