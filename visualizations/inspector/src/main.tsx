import { render } from 'preact';
import { follow, tokenIn } from './model/feed.ts';
import { startPlayer } from './model/play.ts';
import './style.css';
import { App } from './view/App.tsx';

const place = document.getElementById('page');
if (place === null) throw new Error('The page has no place for the inspector.');
startPlayer();
const token = tokenIn(location.hash);
if (token !== undefined) void follow(token);
render(<App />, place);
