// The pictures of `mien live`, as its server sends them: each event is JSON with
//   image    the picture itself, a JPEG file in base64, nothing drawn on it
//   width, height    of the frame that the boxes are in, where the picture is smaller
//   faces, latency (seconds), rate (pictures per second)

const SILENCE = 3000; // milliseconds after which the page says that none came

/**
 * Show the stream until the page is closed.
 *
 * @param image the element that shows it
 * @param show is called with (event, size) once its picture can be seen
 * @param silent is called with the seconds since the last one, once these are many
 * @param paused says whether to wait
 */
export function follow(image, { show, silent, paused }) {
  let newest = null, busy = false, arrived = Date.now();
  const events = new EventSource("events");
  events.addEventListener("message", async (message) => {
    arrived = Date.now();
    newest = message.data;
    if (busy) return;
    busy = true;
    while (newest && !paused()) {
      const event = JSON.parse(newest);
      newest = null;
      image.src = `data:image/jpeg;base64,${event.image}`;
      await image.decode().catch(() => {});
      show(event, [event.width ?? image.naturalWidth, event.height ?? image.naturalHeight]);
    }
    busy = false;
  });
  setInterval(() => {
    const seconds = (Date.now() - arrived) / 1000;
    if (1000 * seconds >= SILENCE && !paused()) silent(Math.round(seconds));
  }, 1000);
}
