import { useState } from "react";

import { CodeBlock } from "@/components/copy";
import { Segments } from "@/components/tabs";
import { type Language, LANGUAGES, type Sample, snippet } from "@/lib/snippets";

/** The same request in several languages. */
export function Snippets({ sample }: { sample: Sample }) {
  const [language, setLanguage] = useState<Language>("curl");
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div>
        <Segments
          label="Language"
          value={language}
          choices={Object.entries(LANGUAGES) as [Language, string][]}
          onChange={setLanguage}
        />
      </div>
      <CodeBlock label={`the ${LANGUAGES[language]} sample`} code={snippet(language, sample)} />
    </div>
  );
}
