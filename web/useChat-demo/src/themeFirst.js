// Runs before the first drawing, so that no other theme is seen for a moment. A file of its own, since
// a strict content security policy lets no script stand in the page; see `vite.config.ts`.
(function () {
  try {
    const theme = localStorage.getItem('deltaline.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage, the system's.
  }
})();
