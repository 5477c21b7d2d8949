import { type ComponentProps, type ReactNode, useEffect, useId } from "react";

import { classes } from "@/components/classes";

export const INPUT =
  "h-8 w-full rounded-control border border-line-strong bg-surface px-2.5 text-body placeholder:text-faint " +
  "aria-invalid:border-red disabled:opacity-60";

const QUIET =
  "h-8 max-w-full rounded-control border border-line bg-surface px-2.5 text-table font-medium hover:bg-raised " +
  "disabled:opacity-60";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  children: (props: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }) => ReactNode;
}

/** A label, its control, what it means, and what is wrong with it: then it comes into view and has the focus. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const note = error ?? hint;
  useEffect(() => {
    if (error) document.getElementById(id)?.focus();
  }, [error, id]);
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-table font-medium">
        {label}
      </label>
      {children({ id, "aria-describedby": note ? `${id}-note` : undefined, "aria-invalid": Boolean(error) })}
      {note ? (
        <p
          id={`${id}-note`}
          role={error ? "alert" : undefined}
          className={classes("text-caption", error ? "text-red" : "text-faint")}
        >
          {note}
        </p>
      ) : null}
    </div>
  );
}

interface TextProps extends Omit<ComponentProps<"input">, "onChange" | "value"> {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  error?: string | null | undefined;
}

export function TextField({ label, hint, error, value, onChange, className, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <input
          {...control}
          {...rest}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          className={classes(INPUT, className)}
        />
      )}
    </Field>
  );
}

interface AreaProps extends Omit<ComponentProps<"textarea">, "onChange" | "value"> {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  error?: string | null | undefined;
}

export function AreaField({ label, hint, error, value, onChange, className, ...rest }: AreaProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <textarea
          rows={4}
          {...control}
          {...rest}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          className={classes(INPUT, "h-auto py-1.5", className)}
        />
      )}
    </Field>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  choices: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  hint?: ReactNode;
  error?: string | null | undefined;
  disabled?: boolean;
}

export function ChoiceField<T extends string>({
  label,
  hint,
  error,
  value,
  choices,
  onChange,
  ...rest
}: ChoiceProps<T>) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => <Choice {...control} {...rest} value={value} choices={choices} onChange={onChange} />}
    </Field>
  );
}

type BareChoiceProps<T extends string> = Omit<ComponentProps<"select">, "onChange" | "value"> &
  Pick<ChoiceProps<T>, "value" | "choices" | "onChange"> & {
    /** In a bar of tools it looks as buttons do. */
    quiet?: boolean;
  };

/** The platform's own select: it works with every keyboard, reader and phone. */
export function Choice<T extends string>({
  value,
  choices,
  onChange,
  className,
  quiet = false,
  ...rest
}: BareChoiceProps<T>) {
  return (
    <select
      {...rest}
      value={value}
      onChange={(event) => onChange(event.target.value as T)}
      className={classes("chevron appearance-none", quiet ? QUIET : INPUT, "pr-7!", className)}
    >
      {choices.map(([name, title]) => (
        <option key={name} value={name}>
          {title}
        </option>
      ))}
    </select>
  );
}

interface CheckProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  hint?: ReactNode;
  disabled?: boolean;
}

export function CheckField({ label, checked, onChange, hint, disabled }: CheckProps) {
  const id = useId();
  return (
    <div className="flex items-start gap-2">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 accent-(--accent)"
      />
      <label htmlFor={id} className="text-table">
        {label}
        {hint ? <span className="block text-caption text-faint">{hint}</span> : null}
      </label>
    </div>
  );
}
