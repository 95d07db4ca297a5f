// Clips of episodes: a still picture that plays when it is pressed, and once more stops.

/** `go(facts, seconds)` shows an episode in its timeline. */
export function moments(go) {
  for (const button of document.querySelectorAll(".play")) {
    const image = button.querySelector("img"), still = image.src;
    button.ariaPressed = "false";
    button.addEventListener("click", () => {
      const plays = button.ariaPressed === "true";
      image.src = plays ? still : `data:image/webp;base64,${button.dataset.moving}`;
      button.ariaPressed = String(!plays);
    });
  }
  for (const link of document.querySelectorAll(".go")) {
    link.addEventListener("click", (event) => {
      if (go(link.dataset, Number(link.dataset.time))) event.preventDefault();
    });
  }
}
