// The part of WebAssembly's interface for JavaScript that is used here; the types of Node have none.
declare global {
  namespace WebAssembly {
    class Memory {
      constructor(descriptor: { readonly initial: number; readonly maximum: number });
      readonly buffer: ArrayBuffer;
    }
  }
}

export {};
