// Light or dark, as the user has chosen. `themeFirst.js` does the same before anything is drawn.

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'deltaline.theme';

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset.theme;
    return;
  }
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Full: it lasts as long as the page.
  }
}
