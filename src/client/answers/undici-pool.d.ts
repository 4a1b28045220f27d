// undici has no types for its parts: this one is what the whole exports under the same name.
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
