// The embedded broker for the broker tests; events go in through the router's own admin listener, as `tidegate publish`
// sends them.

export async function memory() {
  const broker = {
    name: "memory",
    keeps: false,
    embedded: true,
    provider: (more = {}) => ({ memory: [{ id: "memory", ...more }] }),
    start: async () => {},
    stop: async () => {},
    connect: async () => {},
    close: async () => {},
    prepare: async () => {},
    place: (place) => `memory.${place}`,
    injection: { bad: ["a.b", "*", ">", "a b"], good: "lobby" },
    subscribe: (places) => `@edfs__natsSubscribe(subjects: ${JSON.stringify(places.map((place) => `memory.${place}`))}, providerId: "memory")`,
    send: (place) => `@eventsPublish(topic: "memory.${place}", sourceID: "memory")`,
    async publish(place, payload) {
      const query = new URLSearchParams({ provider: "memory", subject: broker.place(place) });
      const answer = await fetch(`${broker.router.admin}/publish?${query}`, { method: "POST", body: payload });
      if (!answer.ok) throw new Error(await answer.text());
    },
  };
  return broker;
}
