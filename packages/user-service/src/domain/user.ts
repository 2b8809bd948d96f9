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

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text can be a user's id. */
export function isUserId(text: string): boolean {
  return idPattern.test(text);
}
