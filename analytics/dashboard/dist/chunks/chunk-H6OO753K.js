import{b as l,h as i}from"./chunk-JKRTTABF.js";function g({values:e,label:c,describe:m,marks:d,isOpen:h,height:$=120}){let[o,a]=l(-1),p=Math.max(1,...e),u=t=>{let n=e.length-1,s={ArrowLeft:o<0?n:Math.max(0,o-1),ArrowRight:o<0?0:Math.min(n,o+1),Home:0,End:n,Escape:-1}[t.key];s!==void 0&&(t.preventDefault(),a(s))},r=t=>{let n=t.currentTarget.getBoundingClientRect();a(Math.min(e.length-1,Math.max(0,Math.floor((t.clientX-n.left)/n.width*e.length))))};return i`<div class="columns-box">
    <div class="columns-read num" role="status">${o>=0&&o<e.length?m(o):""}</div>
    <div class="columns" role="application" tabindex="0" aria-label=${c} style=${{"--h":$+"px"}}
      onKeyDown=${u} onPointerMove=${r} onPointerDown=${r} onPointerLeave=${()=>a(-1)} onBlur=${()=>a(-1)}>
      ${e.map((t,n)=>i`<i key=${n}
        class=${(t?"":"nil")+(n===o?" at":"")+(h&&n===e.length-1?" part":"")}
        style=${{"--v":t/p*100+"%"}}></i>`)}
    </div>
    <div class="columns-marks num" aria-hidden="true">${d.map(t=>i`<span>${t}</span>`)}</div>
  </div>`}export{g as a};
