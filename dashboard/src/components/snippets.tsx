import { useState } from "react";

import { CodeBlock } from "@/components/copy";
import { Segments } from "@/components/tabs";
import { type Language, LANGUAGES, type Sample, snippet } from "@/lib/snippets";

const ALL = Object.keys(LANGUAGES) as Language[];

/** The same request in several languages. */
export function Snippets({ sample, languages = ALL }: { sample: Sample; languages?: readonly Language[] }) {
  const [language, setLanguage] = useState<Language>("curl");
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div>
        <Segments
          label="Language"
          value={language}
          choices={languages.map((one) => [one, LANGUAGES[one]] as const)}
          onChange={setLanguage}
        />
      </div>
      <CodeBlock label={`the ${LANGUAGES[language]} sample`} code={snippet(language, sample)} />
    </div>
  );
}
