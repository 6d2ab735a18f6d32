// What the theme leaves to be said to those who hear a page or use it by its keys.
document.addEventListener("DOMContentLoaded", () => {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) caption.setAttribute("aria-level", "2");
  if (!document.querySelector("h1")) {
    const title = Object.assign(document.createElement("h1"), { textContent: document.title.split(" - ")[0] });
    document.querySelector("article").prepend(title); // the page of the search has none
  }
  const named = { ".sidebar-drawer": "Pages of the site", ".toc-drawer": "On this page" };
  for (const [place, name] of Object.entries(named)) document.querySelector(place)?.setAttribute("aria-label", name);
  const wide = "p.wide, pre, math[display=block], .table-wrapper, .sidebar-scroll, .toc-scroll, div.output";
  const reachable = () => {
    for (const part of document.querySelectorAll(wide)) {
      const scrolls = part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight;
      if (scrolls && !part.querySelector("a, button")) part.setAttribute("tabindex", "0");
    }
  };
  // A picture that is made smaller opens by itself; on a narrow screen it keeps 3/5 of its size and is moved sideways.
  const legible = () => {
    for (const picture of document.querySelectorAll("article p > img:only-child, article p > a.whole > img")) {
      const place = picture.closest("p");
      const least = Math.round(0.6 * picture.naturalWidth);
      const moves = innerWidth < 1000 && least > place.clientWidth;
      place.classList.toggle("wide", moves);
      picture.style.minWidth = moves ? `${least}px` : "";
      if (picture.naturalWidth > 1.2 * place.clientWidth && !picture.closest("a")) {
        const link = Object.assign(document.createElement("a"), { href: picture.src, className: "whole" });
        picture.replaceWith(link);
        link.append(picture);
      }
    }
  };
  const fit = () => (legible(), reachable());
  fit();
  window.addEventListener("load", fit);
  window.addEventListener("resize", fit);
});
