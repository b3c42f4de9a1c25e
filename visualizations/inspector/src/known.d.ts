declare module 'virtual:known' {
  const known: import('../buildPage.ts').Known;
  export default known;
}

declare module '*.css';
