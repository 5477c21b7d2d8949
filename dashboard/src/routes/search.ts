type Texts<Name extends string> = Partial<Record<Name, string>>;

/** Reads texts of these names from the URL, and nothing else. */
export function textsOf<Name extends string>(
  ...names: readonly Name[]
): (given: Record<string, unknown>) => Texts<Name> {
  return (given) => {
    const texts: Texts<Name> = {};
    for (const name of names) {
      const value = given[name];
      if (typeof value === "string" && value !== "") texts[name] = value;
    }
    return texts;
  };
}
