import { Trash2 } from "lucide-react";
import type { ChangeEvent } from "react";

import { IconButton } from "@/components/button";
import { Field } from "@/components/field";

const MOST_BYTES = 4_000_000;

interface Props {
  images: readonly string[];
  onChange: (images: readonly string[]) => void;
}

function read(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("The picture cannot be read."));
    reader.readAsDataURL(file);
  });
}

/** Pictures that go with the prompt. */
export function ImagePicker({ images, onChange }: Props) {
  const add = async (event: ChangeEvent<HTMLInputElement>): Promise<void> => {
    const files = [...(event.target.files ?? [])].filter((file) => file.size <= MOST_BYTES);
    onChange([...images, ...(await Promise.all(files.map(read)))]);
  };
  return (
    <div className="flex flex-col gap-2">
      <Field label="Pictures" hint="Up to 4 MB each, for models that see.">
        {(control) => (
          <input
            {...control}
            type="file"
            accept="image/*"
            multiple
            className="text-table"
            onChange={(event) => void add(event)}
          />
        )}
      </Field>
      {images.length > 0 ? (
        <ul className="flex flex-wrap gap-2">
          {images.map((image, place) => (
            <li key={place} className="flex items-start">
              <img
                src={image}
                alt={`Number ${place + 1} of what goes with the prompt`}
                className="h-16 rounded border border-line"
              />
              <IconButton
                label={`Take picture ${place + 1} out`}
                onClick={() => onChange(images.filter((_, at) => at !== place))}
              >
                <Trash2 aria-hidden className="size-4" />
              </IconButton>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
