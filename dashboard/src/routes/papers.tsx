import { PaperPage } from "@/features/public/papers";

export const Contact = () => <PaperPage name="contact" />;
export const Terms = () => <PaperPage name="terms" />;
export const Privacy = () => <PaperPage name="privacy" />;
export const Sla = () => <PaperPage name="sla" />;
