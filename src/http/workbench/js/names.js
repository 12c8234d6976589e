// What people are called, by the same rule as the service's.

/** @param {string} text */
export const sound = (text) => /^[A-Za-z0-9._-]{1,64}$/.test(text);
