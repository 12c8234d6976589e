// Runs before the first paint, so that a remembered theme does not flash.
(() => {
  const theme = localStorage.getItem('claimlens.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
})();
