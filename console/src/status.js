// The slim line under the editor: what the newest subscription is doing, and how many events it has received.

export function createStatus(element) {
  let current = 0;
  let events = 0;

  function show(state, text) {
    element.dataset.state = state;
    element.dataset.events = String(events);
    element.textContent = text;
  }

  const counted = () => `${events} ${events === 1 ? "event" : "events"}`;

  // Each subscription gets its own reporter; one that a newer run replaced no longer writes.
  return function begin() {
    const mine = ++current;
    events = 0;
    const write = (state, text) => mine === current && show(state, text());
    write("connecting", () => "connecting…");
    return {
      connected: () => write("live", () => `live · ${counted()}`),
      event: () => {
        if (mine === current) events += 1;
        write("live", () => `live · ${counted()}`);
      },
      retrying: () => write("connecting", () => `connection lost, trying again · ${counted()}`),
      ended: () => write("idle", () => `ended · ${counted()}`),
      refused: (reason) => write("refused", () => `refused: ${reason}`),
      lost: (reason) => write("lost", () => `disconnected: ${reason} · ${counted()}`),
    };
  };
}
