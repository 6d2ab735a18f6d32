// What the theme leaves to be said to those who hear a page or use it by its keys.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) caption.setAttribute("aria-level", "2");
  const named = { ".sidebar-drawer": "Pages of the site", ".toc-drawer": "On this page" };
  for (const [place, name] of Object.entries(named)) document.querySelector(place)?.setAttribute("aria-label", name);
  const wide = "pre, math[display=block], .table-wrapper, .sidebar-scroll, .toc-scroll, div.output";
  const reachable = () => {
    for (const part of document.querySelectorAll(wide)) {
      const scrolls = part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight;
      if (scrolls && !part.querySelector("a, button")) part.setAttribute("tabindex", "0");
    }
  };
  reachable();
  window.addEventListener("resize", reachable);
});
