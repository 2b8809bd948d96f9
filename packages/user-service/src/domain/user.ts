/** What is known of a user. */
export interface UserContent {
  readonly name: string;
  readonly email: string;
  /** In years; 0 where it is not known. */
  readonly age: number;
}

/** Someone who uses the organisation's products. */
export interface User extends UserContent {
  /** A UUID, version 7: ids sort by the time of their creation. */
  readonly id: string;
  readonly createdAt: Date;
}

/** A user to create. */
export interface NewUser extends UserContent {
  /** Makes the creation safe to repeat; empty where it need not be. */
  readonly requestId: string;
}

/** Whether two users, or two requests for one, have the same content. */
export function isSameContent(a: UserContent, b: UserContent): boolean {
  return a.name === b.name && a.email === b.email && a.age === b.age;
}

/** A user that must not be, and why: what is wrong with which of its properties. */
export interface Problem {
  readonly property: keyof NewUser;
  readonly description: string;
}

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text can be a user's id. */
export function isUserId(text: string): boolean {
  return idPattern.test(text);
}

/** What is wrong with a user to create; empty where it is fine. */
export function problemsOf({ name, email, age, requestId }: NewUser): Problem[] {
  const problems: Problem[] = [];
  const add = (property: keyof NewUser, description: string | undefined): void => {
    if (description !== undefined) problems.push({ property, description });
  };
  add("name", textProblem(name, 1, 200));
  add("email", textProblem(email, 1, 254) ?? emailProblem(email));
  add("age", age < 0 || age > 150 ? `must be 0 to 150, is ${age}` : undefined);
  add("requestId", textProblem(requestId, 0, 64));
  return problems;
}

/** Deliberately loose, as only a mail that arrives proves an address: a name, one `@`, a domain. */
function emailProblem(email: string): string | undefined {
  return /^[^\s@]+@[^\s@]+$/u.test(email)
    ? undefined
    : "must be an email address, such as alice@example.com";
}

function textProblem(text: string, min: number, max: number): string | undefined {
  // Counted as people and PostgreSQL do, not in UTF-16 units, of which a character has one or two.
  if (text.length > 2 * max) return `must be at most ${max} characters`;
  const length = text.length <= max ? text.length : [...text].length;
  if (length < min) return "must not be empty";
  if (length > max) return `must be at most ${max} characters, is ${length}`;
  // PostgreSQL's text cannot hold it.
  return text.includes("\0") ? "must not contain a NUL character" : undefined;
}
