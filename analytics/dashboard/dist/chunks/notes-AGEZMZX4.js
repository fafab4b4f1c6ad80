import{Ea as x,U as r,g as l}from"./chunk-DVZ2JOGS.js";var c=24;function u(e,t){let o=[];for(let[i,n]of e){let s=o[o.length-1];s&&t(i)-t(s.index)<c?s.notes=s.notes.concat(n):o.push({index:i,notes:n})}return o}var $=({notes:e})=>x("noteMark",{n:e.length,text:e.map(t=>`${r(t.day,t.day)}: ${t.text}`).join("; ")},e.length);function h({marks:e,plan:t,read:o,open:i}){return u(e,t.x).map(n=>l`<button key=${n.index} class="note-mark"
style=${{"--x":t.x(n.index)+"px","--y":t.y(0)+"px"}} aria-label=${$(n)}
onPointerEnter=${()=>o(n.index)} onPointerLeave=${()=>o(null)} onFocus=${()=>o(n.index)}
onBlur=${()=>o(null)} onClick=${()=>i(n.notes)}>
<i>${n.notes.length>1?n.notes.length:""}</i></button>`)}export{h as NoteMarks,u as joinMarks};
